// Shows what needs a script only where scripts run and the browser knows passkeys, and says why one failed.
(function () {
  const form = document.getElementById('passkey_form');
  if (form && window.PublicKeyCredential) form.hidden = false;

  document.addEventListener('allauth.error', (event) => {
    const place = document.getElementById('passkey_error');
    const exception = event.detail && event.detail.exception;
    // The template has a text for each DOMException that has one, such as data-not-allowed-error.
    const name = exception && exception.name ? exception.name[0].toLowerCase() + exception.name.slice(1) : '';
    if (place) place.textContent = place.dataset[name] || place.dataset.other;
  });
})();
