// Mails are shown in frames that may run no script: give each the height of its mail, and let no link in it lead away.
(() => {
  const fit = (frame) => {
    const mail = frame.contentDocument;
    if (!mail || !mail.documentElement || !mail.body) return;
    frame.style.height = '0';
    frame.style.height = `${mail.documentElement.scrollHeight}px`;
  };
  const ready = (frame) => {
    const mail = frame.contentDocument;
    if (!mail || !mail.body) return;
    fit(frame);
    mail.addEventListener('click', (event) => {
      if (event.target.closest && event.target.closest('a')) event.preventDefault();
    });
    new ResizeObserver(() => fit(frame)).observe(mail.body);
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
