// Gives the focus back to a chooser of pictures when its window closes; Wagtail leaves it on the body.
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
  new MutationObserver((changes) => {
    const gone = changes.some((change) => [...change.removedNodes].some((node) => node.classList && node.classList.contains('modal')));
    if (gone) giveBack();
  }).observe(document.body, { childList: true, subtree: true });
})();
