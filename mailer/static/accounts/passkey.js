// Shows what needs a script only where scripts run and the browser knows passkeys.
(function () {
  const form = document.getElementById('passkey_form');
  if (form && window.PublicKeyCredential) form.hidden = false;
})();
