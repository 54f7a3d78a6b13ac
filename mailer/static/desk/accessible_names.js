// Adds accessible names to three Wagtail controls that have none.
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
  // The input of a field of tags, which Wagtail puts in place of the one that the label names.
  const nameTags = (input) => {
    const label = (input.closest('[data-field-wrapper], .w-field__wrapper, .w-panel') || document).querySelector('label');
    if (label) input.setAttribute('aria-label', text(label));
  };
  const name = () => {
    document.querySelectorAll('.Draftail-Editor [role="textbox"]:not([aria-label])').forEach(nameField);
    document.querySelectorAll('.tagit-new input:not([aria-label])').forEach(nameTags);
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
