// Keeps what was typed into a form of the desk when it is sent, and fills it in again where the server did not take it
// because the session had ended: the server says so by a cookie. Passwords and files are never kept.
(() => {
  const KEY = `desk-form ${window.location.pathname}`;
  const COOKIE = 'desk_restore_form';
  const LIFETIME = 60 * 60 * 1000;

  const forms = () => [...document.querySelectorAll('.desk-page form[method="post"]')];
  const fields = (form) => [...form.elements].filter(
    (field) => field.name && !['hidden', 'password', 'file', 'submit', 'button', 'reset', 'fieldset'].includes(field.type)
  );
  const read = (field) => {
    if (field.type === 'checkbox' || field.type === 'radio') return field.checked;
    return field.multiple ? [...field.selectedOptions].map((option) => option.value) : field.value;
  };
  const write = (field, value) => {
    if (field.type === 'checkbox' || field.type === 'radio') field.checked = value;
    else if (field.multiple) [...field.options].forEach((option) => { option.selected = value.includes(option.value); });
    else field.value = value;
    field.dispatchEvent(new Event('change', { bubbles: true }));
  };

  const keep = (event) => {
    const place = forms().indexOf(event.target);
    if (place < 0) return;
    const values = fields(event.target).map((field) => [field.name, read(field)]);
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ at: Date.now(), place, values }));
    } catch (error) {
      // No room, or storage is switched off: the form is sent all the same.
    }
  };

  const restore = () => {
    const kept = JSON.parse(sessionStorage.getItem(KEY) || 'null');
    sessionStorage.removeItem(KEY);
    const form = kept && Date.now() - kept.at < LIFETIME && forms()[kept.place];
    if (!form) return;
    const present = fields(form);
    kept.values.forEach(([name, value], index) => {
      if (present[index] && present[index].name === name) write(present[index], value);
    });
    // A text in a closed part of the page would be overlooked.
    present.forEach((field) => { const part = field.closest('details'); if (part) part.open = true; });
  };

  const start = () => {
    document.addEventListener('submit', keep);
    const returned = document.cookie.split('; ').some((one) => one.startsWith(`${COOKIE}=`));
    if (returned && sessionStorage.getItem(KEY)) {
      document.cookie = `${COOKIE}=; path=/desk/; max-age=0`;
      restore();
    } else if (!returned) sessionStorage.removeItem(KEY);
  };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
})();
