// The schedule of a newsletter: inputs that its rule does not need are hidden, and the next dates follow every change.
(() => {
  const start = (panel) => {
    const form = panel.closest('form');
    const list = panel.querySelector('[data-dates-list]');
    const editors = [...form.querySelectorAll('[data-schedule]')];
    let waiting = 0;
    let asked = 0;

    // Enter in a field would press this button, the first of the form, instead of "Save".
    panel.querySelector('[data-dates-button]').remove();

    const show = (editor) => {
      const repeat = editor.querySelector('[data-repeat]').value;
      editor.querySelectorAll('[data-for]').forEach((part) => {
        part.hidden = !part.dataset.for.split(' ').includes(repeat);
      });
    };

    const load = async () => {
      asked += 1;
      const mine = asked;
      const known = ['csrfmiddlewaretoken', 'zone', 'countries', 'period_kind', 'period_offset', 'on_holidays', 'cutoff_hours'];
      const sent = new URLSearchParams([...new FormData(form)].filter(([key]) => known.includes(key) || /^(assemble|send)_on-/.test(key)));
      try {
        const response = await fetch(panel.dataset.dates, {
          method: 'POST', body: sent, credentials: 'same-origin', headers: { Accept: 'application/json' },
        });
        if (!response.ok) throw new Error(response.status);
        const answer = await response.json();
        if (mine === asked) list.innerHTML = answer.html;
      } catch (error) {
        if (mine === asked) list.textContent = panel.dataset.problem;
      }
    };

    editors.forEach(show);
    form.addEventListener('change', (event) => {
      const editor = event.target.closest('[data-schedule]');
      if (editor) show(editor);
      if (!editor && !['zone', 'countries', 'period_kind', 'period_offset', 'on_holidays', 'cutoff_hours'].includes(event.target.name)) return;
      clearTimeout(waiting);
      waiting = setTimeout(load, 150);
    });
  };

  const startAll = () => document.querySelectorAll('[data-dates]').forEach(start);
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', startAll);
  else startAll();
})();
