// The editor of a story saves it from the first key on. What could not be saved stays in the window and in this
// browser; a session that ended, a lost connection or a colleague who writes at the same time loses nothing.
(() => {
  const form = document.querySelector('[data-story-form]');
  if (!form) return;
  const page = document.querySelector('.desk-story');
  const live = page.querySelector('[data-story-live]');
  const problem = page.querySelector('[data-story-problem]');
  const saved = form.querySelector('[data-story-saved]');
  const backup = page.querySelector('[data-story-backup]');
  const TOKEN = 'csrfmiddlewaretoken';
  const UNSENT = new Set([TOKEN, 'base', 'new_key']);

  const entries = () => [...new FormData(form)].filter(([name]) => !UNSENT.has(name));
  const content = () => JSON.stringify(entries());
  let lastSaved = content();
  let seen = lastSaved;
  let touched = false;
  let waiting = 0;
  let halted = '';
  let queue = Promise.resolve();
  // `form.action` would be the buttons of that name.
  let address = form.getAttribute('action') || window.location.href;

  // Text that is kept in this browser until it is saved.
  const key = () => `desk-story-${form.dataset.story}`;
  const keep = () => {
    try { localStorage.setItem(key(), content()); } catch (error) { /* No room: the window still has it. */ }
  };
  const drop = () => {
    try { localStorage.removeItem(key()); } catch (error) { /* Nothing was kept. */ }
  };
  const kept = () => {
    try { return localStorage.getItem(key()); } catch (error) { return null; }
  };

  const say = (text) => { saved.textContent = text; live.textContent = text; };
  const complain = (name, values = {}) => {
    const text = Object.entries(values).reduce((sum, [at, value]) => sum.replace(`{${at}}`, value), problem.dataset[name]);
    if (!problem.hidden && problem.textContent === text) return;
    problem.textContent = text;
    problem.hidden = false;
  };

  const showErrors = (errors) => {
    form.querySelectorAll('[data-auto-error]').forEach((one) => one.remove());
    Object.entries(errors).forEach(([name, texts]) => {
      const field = form.querySelector(`[name="${name}"]`);
      const place = field && (field.closest('[data-field-input]') || field.parentElement);
      if (!place) return;
      const mark = document.createElement('p');
      mark.className = 'error-message';
      mark.dataset.autoError = '';
      mark.textContent = texts.join(' ');
      place.after(mark);
    });
  };

  const fetchPage = async (url) => {
    const response = await fetch(url, { credentials: 'same-origin' });
    return new DOMParser().parseFromString(await response.text(), 'text/html');
  };

  const framesChanged = () => document.dispatchEvent(new Event('desk:frames'));

  const refreshPreview = async () => {
    const place = document.getElementById('story-preview');
    if (!place) return;
    const fresh = await fetchPage(`${place.dataset.url}?language=${place.dataset.language}&part=1`);
    place.innerHTML = fresh.body.innerHTML;
    framesChanged();
  };

  const born = async (url) => {
    // The story exists now: the window stands for it, and what needs a story appears beside the form.
    history.replaceState(null, '', url);
    address = url;
    form.setAttribute('action', url);
    drop();
    const fresh = await fetchPage(url);
    ['.desk-story__aside', '.desk-story__marks'].forEach((part) => {
      const [old, now] = [page.querySelector(part), fresh.querySelector(part)];
      if (old && now) old.replaceWith(now);
    });
    form.dataset.story = fresh.querySelector('[data-story-form]').dataset.story;
    framesChanged();
  };

  const send = async (data) => {
    const response = await fetch(address, {
      method: 'POST', body: data, credentials: 'same-origin', headers: { 'X-Requested-With': 'fetch' },
    });
    const isJson = (response.headers.get('Content-Type') || '').startsWith('application/json');
    if (isJson) return response.json();
    halted = response.redirected || response.status === 403 ? 'signedOut' : 'failed';
    return null;
  };

  // One after another: an older text never replaces a newer one.
  const save = () => {
    queue = queue.then(async () => {
      const now = content();
      if (now === lastSaved && !halted) return true;
      say(saved.dataset.saving);
      const created = form.dataset.story === 'new';
      let answer = null;
      try {
        answer = await send(new FormData(form));
      } catch (error) {
        halted = 'failed';
      }
      if (!answer) {
        keep();
        say('');
        complain(halted);
        return false;
      }
      halted = '';
      problem.hidden = true;
      lastSaved = now;
      form.querySelector('[name="base"]').value = JSON.stringify(answer.base);
      showErrors(answer.errors);
      page.querySelector('.desk-story__marks').innerHTML = answer.marks;
      form.querySelector('.desk-story__save .desk-state').outerHTML = answer.state;
      drop();
      if (answer.conflicts.length) {
        halted = 'conflict';
        complain('conflict', answer.conflicts[0]);
        say('');
        return false;
      }
      say(Object.keys(answer.errors).length ? saved.dataset.partly : saved.dataset.saved);
      if (created) await born(answer.url);
      else refreshPreview();
      return true;
    });
    return queue;
  };

  // After signing in again in another window, forms need the token of the new session.
  const resume = async () => {
    try {
      const fresh = await fetchPage(address);
      const token = fresh.querySelector(`[data-story-form] [name="${TOKEN}"]`);
      if (!token) return;
      form.querySelector(`[name="${TOKEN}"]`).value = token.value;
      save();
    } catch (error) { /* Still no connection. */ }
  };

  // The rich text editor changes its hidden field without an event, so the form is looked at every second.
  window.setInterval(() => {
    const now = content();
    if (!touched) {
      lastSaved = now;
      seen = now;
      return;
    }
    if (halted === 'signedOut' || halted === 'failed') {
      if (now !== lastSaved) keep();
      waiting += 1;
      if (waiting % 5 === 0) resume();
      return;
    }
    if (now === lastSaved || halted) return;
    keep();
    waiting += 1;
    // A pause of a second, or five seconds of writing.
    if (now === seen || waiting >= 5) {
      waiting = 0;
      save();
    }
    seen = now;
  }, 1000);
  ['keydown', 'pointerdown', 'input', 'change', 'paste', 'drop'].forEach((name) => {
    document.addEventListener(name, (event) => {
      if (form.contains(event.target) || event.target.closest('.modal, [role="dialog"]')) touched = true;
    }, true);
  });

  let leaving = false;
  form.addEventListener('submit', (event) => {
    if (leaving) return;
    event.preventDefault();
    const button = event.submitter;
    touched = true;
    if (halted === 'conflict') halted = 'mine';
    save().then((done) => {
      if (!done || !button || button.value !== 'ready') return;
      leaving = true;
      // A form cannot be submitted again while it is being submitted.
      window.setTimeout(() => form.requestSubmit(button), 0);
    });
  });

  // Other languages, another page: what is written is saved first.
  const languages = page.querySelector('[data-story-languages]');
  if (languages) {
    languages.querySelector('button').hidden = true;
    languages.addEventListener('change', () => {
      const go = () => { leaving = true; window.location.search = new URLSearchParams(new FormData(languages)); };
      if (touched && content() !== lastSaved) save().then((done) => { if (done) go(); });
      else go();
    });
  }
  window.addEventListener('beforeunload', (event) => {
    if (leaving || !touched || content() === lastSaved) return;
    keep();
    event.preventDefault();
  });

  page.addEventListener('click', (event) => {
    const link = event.target.closest('[data-story-preview]');
    if (!link) return;
    event.preventDefault();
    document.getElementById('story-preview').dataset.language = link.dataset.storyPreview;
    page.querySelectorAll('[data-story-preview]').forEach((one) => one.removeAttribute('aria-current'));
    link.setAttribute('aria-current', 'true');
    refreshPreview();
  });

  // Text that an earlier window could not save.
  const old = kept();
  if (old && old !== content()) {
    backup.hidden = false;
    backup.querySelector('[data-backup-drop]').addEventListener('click', () => { drop(); backup.hidden = true; });
    backup.querySelector('[data-backup-restore]').addEventListener('click', async () => {
      const data = new FormData();
      JSON.parse(old).forEach(([name, value]) => data.append(name, value));
      [...UNSENT].forEach((name) => data.set(name, form.querySelector(`[name="${name}"]`).value));
      const answer = await send(data);
      if (!answer) { complain(halted); return; }
      drop();
      leaving = true;
      window.location.assign(answer.url);
    });
  }
})();
