// The workbench of an edition. Sends its forms, replaces the parts of the page that changed, keeps the focus and
// announces what happened. Blocks move by dragging their handle, and by the arrow keys on it.
(() => {
  const root = document.querySelector('[data-workbench]');
  if (!root) return;
  const live = root.querySelector('[data-workbench-live]');
  const problem = root.querySelector('[data-workbench-problem]');
  const board = () => root.querySelector('[data-workbench-board]');
  const list = () => root.querySelector('[data-workbench-list]');
  const PARTS = ['desk-overview', 'workbench-note', 'workbench-rows', 'workbench-pool', 'workbench-reach', 'workbench-subjects'];

  const say = (text) => {
    // The same text twice would not be announced again.
    live.textContent = '';
    window.setTimeout(() => { live.textContent = text; }, 50);
  };
  const complain = (name) => {
    problem.textContent = problem.dataset[name];
    problem.hidden = false;
    say(problem.textContent);
  };

  // Beside each field stands the value that it was loaded with. A field that this person left alone shows what
  // another one has written meanwhile. After a conflict this person has seen the other text, and may save again.
  const takeOver = (fresh, sent) => {
    const seen = fresh.querySelector('[data-conflict]') !== null;
    fresh.querySelectorAll('[name^="was-"]').forEach((now) => {
      const was = root.querySelector(`[name="${now.name}"]`);
      const field = root.querySelector(`[name="${now.name.slice(4)}"]`);
      if (!was || !field) return;
      if (field.value === was.value && field !== document.activeElement) field.value = now.value;
      else if (!seen && sent.get(field.name) !== now.value) return;
      was.value = now.value;
    });
  };

  const replace = (fresh, typing) => {
    PARTS.forEach((id) => {
      const [old, now] = [document.getElementById(id), fresh.querySelector(`#${id}`)];
      if (!old || !now || (typing && id === 'workbench-subjects')) return;
      const open = [...old.querySelectorAll('details')].map((one) => one.open);
      old.replaceWith(now);
      now.querySelectorAll('details').forEach((one, place) => { one.open = Boolean(open[place]); });
    });
    if (typing) {
      takeOver(fresh, typing);
      fresh.querySelectorAll('[data-inbox]').forEach((now) => {
        const old = document.getElementById(now.id);
        if (old) old.replaceWith(now);
      });
    }
  };

  const focusOn = (id) => {
    const wanted = document.getElementById(id);
    if (!wanted) return;
    wanted.focus({ preventScroll: true });
    wanted.scrollIntoView({ block: 'nearest' });
    const row = wanted.closest('.wb-row');
    if (row) {
      row.classList.add('is-moved');
      window.setTimeout(() => row.classList.remove('is-moved'), 1500);
    }
  };

  // One request after another, so that the answer to an older one never replaces a newer state.
  let queue = Promise.resolve();
  const send = (url, options, { focus, typing } = {}) => {
    queue = queue.then(async () => {
      try {
        const response = await fetch(url, {
          ...options, credentials: 'same-origin', headers: { 'X-Requested-With': 'fetch' },
        });
        const page = new DOMParser().parseFromString(await response.text(), 'text/html');
        const fresh = page.querySelector('[data-workbench-board]');
        if (!fresh) {
          complain(response.redirected || response.status === 403 ? 'signedOut' : 'failed');
          return;
        }
        problem.hidden = true;
        replace(page, typing);
        count();
        board().dataset.refused = fresh.hasAttribute('data-refused');
        if (!typing) focusOn(focus || fresh.dataset.focus);
        if (fresh.dataset.announcement) say(fresh.dataset.announcement);
        const saved = root.querySelector('[data-saved]');
        if (typing && fresh.hasAttribute('data-refused')) {
          problem.textContent = fresh.dataset.announcement;
          problem.hidden = false;
        } else if (typing && saved) saved.textContent = saved.dataset.text;
        if (options.method === 'POST') check();
      } catch (error) {
        complain('failed');
      }
    });
    return queue;
  };

  root.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.method === 'get' && form.matches('[data-swap]')) {
      event.preventDefault();
      send(`?${new URLSearchParams(new FormData(form))}`, {}, { focus: 'wb-q' });
    } else if (form.matches('[data-swap], [data-autosave]')) {
      event.preventDefault();
      const button = event.submitter;
      if (button && button.getAttribute('aria-disabled') === 'true') return;
      const data = new FormData(form);
      if (button && button.name) data.set(button.name, button.value);
      send(window.location.href, { method: 'POST', body: data }, { typing: form.matches('[data-autosave]') && data });
    }
  });

  root.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-swap]');
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    send(link.href, {}, { focus: link.id });
  });

  // Subject lines are saved a moment after the last key.
  let typing = 0;
  root.addEventListener('input', (event) => {
    const form = event.target.closest('form[data-autosave]');
    if (!form) return;
    window.clearTimeout(typing);
    const saved = root.querySelector('[data-saved]');
    if (saved) saved.textContent = '';
    typing = window.setTimeout(() => {
      const data = new FormData(form);
      data.set('action', 'subjects');
      send(window.location.href, { method: 'POST', body: data }, { typing: data });
    }, 800);
  });

  // Moving: the row moves at once, and the request follows when it stands still.
  const token = () => root.querySelector('[name="csrfmiddlewaretoken"]').value;
  const place = (row) => [...list().children].indexOf(row);
  const announcePlace = (row) => {
    say(problem.dataset.moved
      .replace('{title}', row.dataset.title).replace('{place}', place(row) + 1).replace('{count}', list().children.length));
  };
  const post = (row) => {
    const data = new FormData();
    const next = row.nextElementSibling;
    data.set('csrfmiddlewaretoken', token());
    data.set('action', 'move');
    data.set('block', row.dataset.block);
    data.set('before', next ? next.dataset.block : '');
    if (root.querySelector('[name="unlocked"]')) data.set('unlocked', '1');
    send(window.location.href, { method: 'POST', body: data });
  };

  let pending = 0;
  root.addEventListener('keydown', (event) => {
    const handle = event.target.closest('[data-handle]');
    const steps = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!handle || !steps) return;
    event.preventDefault();
    const row = handle.closest('.wb-row');
    const other = steps < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    if (steps < 0) other.before(row);
    else other.after(row);
    handle.focus();
    announcePlace(row);
    window.clearTimeout(pending);
    pending = window.setTimeout(() => post(row), 700);
  });

  root.addEventListener('pointerdown', (event) => {
    const handle = event.target.closest('[data-handle]');
    if (!handle || event.button) return;
    const row = handle.closest('.wb-row');
    const start = place(row);
    handle.setPointerCapture(event.pointerId);
    row.classList.add('is-dragged');
    const drag = (move) => {
      const over = [...list().children].find((one) => {
        const box = one.getBoundingClientRect();
        return one !== row && move.clientY >= box.top && move.clientY <= box.bottom;
      });
      if (over) {
        const box = over.getBoundingClientRect();
        if (move.clientY < box.top + box.height / 2) over.before(row);
        else over.after(row);
      }
      if (move.clientY > window.innerHeight - 60) row.scrollIntoView({ block: 'center' });
      else if (move.clientY < 60) row.scrollIntoView({ block: 'center' });
    };
    const end = () => {
      handle.removeEventListener('pointermove', drag);
      row.classList.remove('is-dragged');
      if (place(row) !== start) post(row);
    };
    handle.addEventListener('pointermove', drag);
    handle.addEventListener('pointerup', end, { once: true });
    handle.addEventListener('pointercancel', end, { once: true });
  });

  // The checks render every variant, so they come after the page.
  let checking = 0;
  let number = '';
  let readers = [];
  let unread = [];
  // The card at the top names the number of findings that was found last, the table of countries those of subscribers.
  const count = () => {
    const link = document.querySelector('[data-checks-link]');
    if (link && number) link.textContent = number;
    readers.forEach((one) => {
      const place = document.getElementById(`readers-${one.dataset.readers}`);
      if (place) place.textContent = one.textContent;
    });
    // A text that is missing in a language matters to its readers; where there are none, the table says so instead.
    unread.forEach((one) => {
      const place = document.getElementById(`unread-${one.dataset.unread}`);
      const missing = document.querySelectorAll(`td[data-language="${one.dataset.unread}"] .wb-reach__missing`);
      if (place && missing.length) place.textContent = one.textContent;
      missing.forEach((note) => { note.hidden = true; });
    });
  };
  const check = () => {
    const old = document.getElementById('workbench-checks');
    if (!old || !root.dataset.checks) return;
    window.clearTimeout(checking);
    checking = window.setTimeout(async () => {
      const response = await fetch(root.dataset.checks, { credentials: 'same-origin' });
      if (!response.ok) return;
      const page = new DOMParser().parseFromString(await response.text(), 'text/html');
      const now = page.getElementById('workbench-checks');
      const shown = document.getElementById('workbench-checks');
      if (now && shown && !shown.contains(document.activeElement)) shown.replaceWith(now);
      readers = now ? [...now.querySelectorAll('[data-readers]')] : [];
      unread = now ? [...now.querySelectorAll('[data-unread]')] : [];
      number = now ? now.querySelector('h2').textContent : '';
      count();
    }, 600);
  };
  check();

  // After a redirect (without this script's help) or from a page of a block, the address names what gets the focus.
  if (window.location.hash) focusOn(window.location.hash.slice(1));
})();
