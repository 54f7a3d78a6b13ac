// Rich text fields have no name of their own for those who do not see the label above them: give each its label's.
(() => {
  const name = () => {
    document.querySelectorAll('.Draftail-Editor [role="textbox"]:not([aria-label])').forEach((box) => {
      const place = box.closest('[data-field-input]');
      const field = place && place.querySelector('input[type="hidden"][id]');
      const label = field && document.querySelector(`label[for="${field.id}"]`);
      if (label) box.setAttribute('aria-label', label.textContent.replace('*', '').trim());
    });
  };
  const start = () => {
    if (!document.querySelector('form[data-edit-form], .Draftail-Editor, [data-draftail-input]')) return;
    name();
    new MutationObserver(name).observe(document.querySelector('main') || document.body, { childList: true, subtree: true });
  };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
})();
