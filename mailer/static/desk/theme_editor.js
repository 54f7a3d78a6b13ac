// The editor of a newsletter's theme: colour pickers beside the fields, and a live preview of the sample edition with
// the contrast of every pair of colours, both from the server.
(() => {
  const COLOUR = /^#?[0-9a-f]{6}$/i;

  const start = (editor) => {
    const { form } = editor.querySelector('input');
    const { name } = editor.dataset;
    const find = (selector) => editor.querySelector(selector);
    const chosen = (part) => find(`[name="${name}-${part}"]:checked`).value;
    const stage = find('[data-stage]');
    const frame = find('[data-frame]');
    const problem = find('[data-problem]');
    const verdict = find('[data-verdict]');
    let waiting = 0;
    let asked = 0;

    // The preview is on this page; Enter in a field would press that button, the first of the form, instead of "Save".
    const separate = find('button[formaction]');
    if (separate) separate.parentElement.remove();

    // The sample in its own width, made smaller where the column is narrower.
    const fit = () => {
      const width = chosen('view') === 'phone' ? 375 : 720;
      const scale = Math.min(1, stage.clientWidth / width);
      frame.style.width = `${width}px`;
      frame.style.height = `${stage.clientHeight / scale}px`;
      frame.style.transform = `scale(${scale})`;
      frame.style.marginInlineStart = `${Math.max(0, (stage.clientWidth - width * scale) / 2)}px`;
    };

    const load = async () => {
      if (!stage.clientWidth) return;
      asked += 1;
      const mine = asked;
      const sent = new URLSearchParams([...new FormData(form)].filter(([key, value]) => typeof value === 'string'
        && (key.startsWith(`${name}-`) || ['csrfmiddlewaretoken', 'slug', 'name', 'office', 'postal_address'].includes(key))));
      try {
        const response = await fetch(editor.dataset.preview, {
          method: 'POST', body: sent, credentials: 'same-origin', headers: { Accept: 'application/json' },
        });
        if (!response.ok) throw new Error(response.status);
        const answer = await response.json();
        if (mine !== asked) return;
        const top = frame.contentWindow ? frame.contentWindow.scrollY : 0;
        const open = verdict.querySelector('details').open;
        frame.addEventListener('load', () => {
          frame.contentWindow.scrollTo(0, top);
          frame.contentDocument.addEventListener('click', (event) => {
            if (event.target.closest && event.target.closest('a')) event.preventDefault();
          });
        }, { once: true });
        frame.srcdoc = answer.html;
        verdict.innerHTML = answer.verdict;
        if (open) verdict.querySelector('details').open = true;
        problem.hidden = true;
      } catch (error) {
        problem.textContent = problem.dataset.problem;
        problem.hidden = false;
      }
    };
    const soon = () => {
      clearTimeout(waiting);
      waiting = setTimeout(load, 250);
    };

    const show = (field) => {
      const cell = field.closest('[data-colour]');
      if (cell && COLOUR.test(field.value || field.dataset.default)) {
        const colour = (field.value || field.dataset.default).replace(/^#?/, '#').toLowerCase();
        cell.querySelector('input[type="color"]').value = colour;
        cell.querySelector('rect').setAttribute('fill', colour);
      }
      if (cell) field.toggleAttribute('aria-invalid', Boolean(field.value) && !COLOUR.test(field.value));
      if (field.matches('[data-font]')) {
        field.parentElement.querySelector('.desk-theme__own').hidden = field.value !== 'own';
      }
    };

    editor.querySelectorAll('.desk-theme__picker, [data-reset]').forEach((one) => { one.hidden = false; });
    editor.querySelectorAll('.desk-theme__swatch').forEach((one) => { one.setAttribute('hidden', ''); });
    const fields = editor.querySelectorAll('[data-default]');
    fields.forEach(show);
    stage.hidden = false;
    editor.classList.add('is-live');

    // What was left as the theme had it follows the theme that is chosen now.
    const follow = (theme) => {
      const tokens = JSON.parse(document.getElementById('desk-theme-tokens').textContent)[theme];
      fields.forEach((field) => {
        const next = tokens[field.name.slice(name.length + 1)];
        if (!field.value || field.value.toUpperCase() === field.dataset.default.toUpperCase()) field.value = next;
        field.dataset.default = next;
        show(field);
      });
      find(`[name="${name}-was"]`).value = theme;
    };

    editor.addEventListener('input', (event) => {
      const field = event.target;
      if (field.name === `${name}-base`) follow(field.value);
      if (field.matches('.desk-theme__picker')) {
        const text = field.closest('[data-colour]').querySelector('[data-default]');
        text.value = field.value.toUpperCase();
        show(text);
      } else if (field.dataset.default !== undefined) {
        show(field);
      }
      if (field.name === `${name}-view`) fit();
      else soon();
    });
    find('[data-reset]').addEventListener('click', () => {
      fields.forEach((field) => {
        field.value = field.dataset.default;
        if (field.matches('select') && field.selectedIndex < 0) field.value = 'own';
        show(field);
      });
      soon();
    });
    // The panel may be closed at first: what has no size shows nothing.
    let width = 0;
    new ResizeObserver(() => {
      fit();
      if (!width && stage.clientWidth) load();
      width = stage.clientWidth;
    }).observe(stage);
  };

  const begin = () => document.querySelectorAll('[data-theme-editor]').forEach(start);
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', begin);
  else begin();
})();
