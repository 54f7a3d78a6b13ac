// Keeps what was typed into a form of the desk when it is sent, and fills it in again where the server did not take it
// because the session had ended: the server says so by a cookie. Passwords and files are never kept.
(() => {
  const KEY = `desk-form ${window.location.pathname}`;
  const COOKIE = 'desk_restore_form';
  const LIFETIME = 60 * 60 * 1000;

  // Marks of the values that the form was made of: with newer ones it would undo what others saved meanwhile.
  const MARKS = ['saved_values', 'base'];
  const NO_TEXT = ['hidden', 'password', 'file', 'submit', 'button', 'reset', 'fieldset'];

  const forms = () => [...document.querySelectorAll('.desk-page form[method="post"], form[data-edit-form]')];
  const isRich = (field) => field.hasAttribute('data-draftail-input');
  const fields = (form) => [...form.elements].filter(
    (field) => field.name && (isRich(field) || MARKS.includes(field.name) || !NO_TEXT.includes(field.type))
  );
  const read = (field) => {
    if (field.type === 'checkbox' || field.type === 'radio') return field.checked;
    return field.multiple ? [...field.selectedOptions].map((option) => option.value) : field.value;
  };
  const write = (field, value) => {
    if (field.type === 'checkbox' || field.type === 'radio') field.checked = value;
    else if (field.multiple) [...field.options].forEach((option) => { option.selected = value.includes(option.value); });
    else field.value = value;
    // An editor that has started already shows what it started with.
    if (isRich(field) && field.draftailEditor) {
      field.draftailEditor.onChange(window.Draftail.createEditorStateFromRaw(JSON.parse(value)));
    }
    field.dispatchEvent(new Event('change', { bubbles: true }));
  };
  // Opens the rows that were added to a list within the form, such as "texts-2-language".
  const addRows = (form, names) => names.forEach((name) => {
    const [, list] = /^(.+)-\d+-/.exec(name) || [];
    const add = list && document.getElementById(`id_${list}-ADD`);
    if (add && form.contains(add) && !form.elements[name]) add.click();
  });

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
    addRows(form, kept.values.map(([name]) => name));
    const present = fields(form);
    const left = [...present];
    kept.values.forEach(([name, value]) => {
      const place = left.findIndex((field) => field.name === name);
      if (place >= 0) write(left.splice(place, 1)[0], value);
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
  // Once the page's own scripts have started, which make editors and lists of its fields.
  if (document.readyState === 'complete') start();
  else window.addEventListener('load', start);
})();
