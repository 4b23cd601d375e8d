/* A passkey that opens the signing key: asks the authenticator for its secret (WebAuthn, PRF extension) and sends it with
   the form, as a passphrase would be sent. */
"use strict";

{
  const bytesOf = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const textOf = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const secretOf = async (box) => {
    const found = await navigator.credentials.get({
      publicKey: {
        challenge: crypto.getRandomValues(new Uint8Array(32)),
        allowCredentials: box.dataset.credentials.split(" ").map((id) => ({ type: "public-key", id: bytesOf(id) })),
        userVerification: "required",
        extensions: { prf: { eval: { first: bytesOf(box.dataset.salt) } } },
      },
    });
    const secret = found.getClientExtensionResults().prf?.results?.first;
    if (!secret) throw new Error();
    return [textOf(found.rawId), textOf(secret)];
  };

  if (window.PublicKeyCredential) {
    for (const box of document.querySelectorAll("[data-prf]")) {
      const form = box.closest("form");
      const button = box.querySelector("button[type=button]");
      button.hidden = false;
      button.addEventListener("click", async () => {
        const trouble = box.querySelector("[data-trouble]");
        trouble.textContent = "";
        button.disabled = true;
        try {
          const [credential, secret] = await secretOf(box);
          form.elements.prf.value = secret;
          if (box.dataset.prf === "seal") {
            form.elements.credential.value = credential;
            form.requestSubmit();
          } else {
            form.elements.passphrase.required = false;
            form.requestSubmit(form.querySelector("button[value=sign]"));
          }
          form.elements.prf.value = ""; // it is on its way, and stays nowhere
        } catch (error) {
          trouble.textContent = trouble.dataset.trouble;
          button.disabled = false;
        }
      });
    }
  }
}
