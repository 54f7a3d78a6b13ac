// Gives the focus back to a chooser of pictures when its window closes; Wagtail leaves it on the body.
// While there are no pictures, the window opens with the form that uploads one.
(() => {
  let opened = null;
  document.addEventListener('click', (event) => {
    const button = event.target.closest && event.target.closest('[data-chooser-action-choose]');
    if (button) opened = button.closest('.chooser');
  }, true);
  const visible = (element) => element.offsetParent !== null;
  const giveBack = () => {
    if (!opened || document.querySelector('.modal.in, .modal-open .modal[style*="block"]')) return;
    const chooser = opened;
    opened = null;
    // Wagtail shows what was chosen first.
    window.setTimeout(() => {
      const controls = [...chooser.querySelectorAll('button, a[href]')].filter(visible);
      const focused = document.activeElement;
      if (controls.length && (!focused || focused === document.body)) controls[0].focus();
    }, 100);
  };
  document.addEventListener('w-tabs:ready', (event) => {
    const upload = event.target.querySelector('#tab-label-upload');
    if (!upload || !event.target.querySelector('#tab-search .upload-one-now')) return;
    // The tabs have shown their first panel by then.
    window.setTimeout(() => upload.click(), 50);
  });
  new MutationObserver((changes) => {
    const gone = changes.some((change) => [...change.removedNodes].some((node) => node.classList && node.classList.contains('modal')));
    if (gone) giveBack();
  }).observe(document.body, { childList: true, subtree: true });
})();
