// Adds accessible names to two Wagtail controls that have none.
(() => {
  const { another } = document.currentScript.dataset;
  const text = (element) => element.textContent.replace('*', '').replace(/\s+/g, ' ').trim();
  // A rich text field gets the text of its label.
  const nameField = (box) => {
    const wrapper = box.closest('[data-field-input]');
    const field = wrapper && wrapper.querySelector('input[type="hidden"][id]');
    const label = field && document.querySelector(`label[for="${field.id}"]`);
    if (label) box.setAttribute('aria-label', text(label));
  };
  // The avatar of a colleague who is editing the same form gets the text of its tooltip.
  const nameColleague = (button) => {
    const tooltip = button.querySelector('[data-w-tooltip-target="content"]');
    button.setAttribute('aria-label', (tooltip && text(tooltip)) || another);
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
