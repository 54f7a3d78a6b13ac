// Shows what needs a script only where scripts run and the browser knows passkeys, and says why one failed.
(function () {
  const form = document.getElementById('passkey_form');
  if (form && window.PublicKeyCredential) form.hidden = false;

  const REASONS = {
    InvalidStateError: 'This device already has a passkey for your account.',
    NotAllowedError: 'No passkey was used: you cancelled, or none was found. Try again, or use another way.',
    NotSupportedError: 'This browser or device cannot use passkeys here. Use another one, or an authenticator app.',
    SecurityError: 'Passkeys do not work at this web address. Open the site by its usual name.',
  };
  document.addEventListener('allauth.error', (event) => {
    const place = document.getElementById('passkey_error');
    const exception = event.detail && event.detail.exception;
    if (place) place.textContent = REASONS[exception && exception.name] || 'The passkey did not work. Try again, or use another way.';
  });
})();
