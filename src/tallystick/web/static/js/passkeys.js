/* Passkeys: the only thing here that needs JavaScript. Talks to /passkey/… and to the device's authenticator. */
"use strict";

const bytesOf = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const textOf = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function ask(path, body) {
  const token = document.querySelector("input[name=csrfmiddlewaretoken]").value;
  const response = await fetch(path, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", "Accept": "application/json", "X-CSRFToken": token },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(response.headers.get("Content-Type")?.includes("json") ? (await response.json()).title : "");
  return response.json();
}

function readyKeys(list) {
  return (list || []).map((key) => ({ ...key, id: bytesOf(key.id) }));
}

async function add(box) {
  const { publicKey } = await ask("/passkey/add/begin/", {});
  publicKey.challenge = bytesOf(publicKey.challenge);
  publicKey.user.id = bytesOf(publicKey.user.id);
  publicKey.excludeCredentials = readyKeys(publicKey.excludeCredentials);
  publicKey.extensions = { ...publicKey.extensions, prf: {} }; // so that it can open a signing key later (signing.js)
  const made = await navigator.credentials.create({ publicKey });
  return ask("/passkey/add/finish/", {
    next: box.dataset.next,
    name: box.querySelector("input").value,
    credential: {
      id: made.id, rawId: textOf(made.rawId), type: made.type,
      response: {
        clientDataJSON: textOf(made.response.clientDataJSON),
        attestationObject: textOf(made.response.attestationObject),
      },
    },
  });
}

async function prove(box) {
  const { publicKey } = await ask("/passkey/prove/begin/", {});
  publicKey.challenge = bytesOf(publicKey.challenge);
  publicKey.allowCredentials = readyKeys(publicKey.allowCredentials);
  const proof = await navigator.credentials.get({ publicKey });
  return ask("/passkey/prove/finish/", {
    next: box.dataset.next,
    credential: {
      id: proof.id, rawId: textOf(proof.rawId), type: proof.type,
      response: {
        clientDataJSON: textOf(proof.response.clientDataJSON),
        authenticatorData: textOf(proof.response.authenticatorData),
        signature: textOf(proof.response.signature),
        userHandle: proof.response.userHandle ? textOf(proof.response.userHandle) : null,
      },
    },
  });
}

if (window.PublicKeyCredential) {
  for (const box of document.querySelectorAll("[data-passkey]")) {
    const button = box.querySelector("button");
    box.hidden = button.hidden = false;
    button.addEventListener("click", async () => {
      const trouble = box.querySelector("[data-trouble]");
      trouble.textContent = "";
      button.disabled = true;
      try {
        const answer = await (box.dataset.passkey === "add" ? add(box) : prove(box));
        window.location.assign(answer.next);
      } catch (error) {
        // the browser's own errors (NotAllowedError …) are in its language, ours in the reader's
        trouble.textContent = error.constructor === Error && error.message ? error.message : trouble.dataset.trouble;
        button.disabled = false;
      }
    });
  }
}
