// Fills in the command that invites an approver on the server, from the fields beside it as they are typed.
(() => {
  const quoted = (text) => (/^[\p{L}\p{N}@._+-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

  const write = (part) => {
    const fields = part.closest('form') || part;
    const typed = (name) => fields.querySelector(`[name="${name}"]`)?.value.trim() || '';
    const chosen = [...fields.querySelectorAll('input[data-approves]:checked')].map((one) => one.dataset.approves);
    const email = typed('email');
    const username = typed('username') || email.split('@')[0].replace(/[^\p{L}\p{N}_.+-]/gu, '');
    const words = [
      'mailer invite', quoted(username || 'USERNAME'), '--email', quoted(email || 'ADDRESS'),
      '--first-name', quoted(typed('first_name') || 'FIRST-NAME'),
      '--last-name', quoted(typed('last_name') || 'LAST-NAME'),
      ...(chosen.length ? chosen : ['Approvers']).flatMap((role) => ['--role', quoted(role)]),
    ];
    part.querySelector('textarea').value = words.join(' ');
  };

  const update = (event) => {
    const near = event.target.closest?.('form, [data-invite-command]');
    if (!near) return;
    (near.matches('[data-invite-command]') ? [near] : near.querySelectorAll('[data-invite-command]')).forEach(write);
  };
  document.addEventListener('input', update);
  document.addEventListener('change', update);
})();
