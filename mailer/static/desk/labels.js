// Two controls of Wagtail's have no name of their own for those who do not see them: give each one.
(() => {
  const words = (element) => element.textContent.replace('*', '').replace(/\s+/g, ' ').trim();
  // A rich text field: its label's.
  const nameField = (box) => {
    const place = box.closest('[data-field-input]');
    const field = place && place.querySelector('input[type="hidden"][id]');
    const label = field && document.querySelector(`label[for="${field.id}"]`);
    if (label) box.setAttribute('aria-label', words(label));
  };
  // The picture of a colleague who has the same form open: what its tooltip says.
  const nameColleague = (button) => {
    const tooltip = button.querySelector('[data-w-tooltip-target="content"]');
    button.setAttribute('aria-label', (tooltip && words(tooltip)) || 'Somebody else has this open');
  };
  const name = () => {
    document.querySelectorAll('.Draftail-Editor [role="textbox"]:not([aria-label])').forEach(nameField);
    document.querySelectorAll('button.w-editing-sessions__session:not([aria-label])').forEach(nameColleague);
  };
  const start = () => {
    if (!document.querySelector('main form')) return;
    name();
    new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
  };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
})();
