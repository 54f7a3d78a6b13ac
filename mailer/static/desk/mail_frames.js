// Emails are shown in sandboxed frames: fits each frame to the height of its email and disables its links.
(() => {
  const fit = (frame) => {
    const email = frame.contentDocument;
    if (!email || !email.documentElement || !email.body) return;
    frame.style.height = '0';
    frame.style.height = `${email.documentElement.scrollHeight}px`;
  };
  const ready = (frame) => {
    const email = frame.contentDocument;
    if (!email || !email.body) return;
    fit(frame);
    email.addEventListener('click', (event) => {
      if (event.target.closest && event.target.closest('a')) event.preventDefault();
    });
    new ResizeObserver(() => fit(frame)).observe(email.body);
  };
  const start = () => {
    document.querySelectorAll('iframe[data-mail]:not([data-fitted])').forEach((frame) => {
      frame.dataset.fitted = '';
      frame.addEventListener('load', () => ready(frame));
      if (frame.contentDocument && frame.contentDocument.readyState === 'complete') ready(frame);
    });
  };
  // Another script has put a frame into the page.
  document.addEventListener('desk:frames', start);
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
})();
