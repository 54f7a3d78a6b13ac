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
    document.querySelectorAll('iframe[data-mail]').forEach((frame) => {
      frame.addEventListener('load', () => ready(frame));
      if (frame.contentDocument && frame.contentDocument.readyState === 'complete') ready(frame);
    });
  };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
})();
