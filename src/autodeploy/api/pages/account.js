"use strict";
const element = (id) => document.getElementById(id);
const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname); // no token in the history

const AWAY = "The platform does not answer. Try again in a moment.";

const send = (path, body) =>
  fetch(`/api/v1/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

const say = (text) => {
  element("status").textContent = text;
};

const offer = (name, title, path, body, done) => {
  element("title").textContent = document.title = title;
  const form = element(name);
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    form.querySelector("button").disabled = true;
    say("");
    try {
      const answer = await send(path, body());
      const problem = answer.ok ? null : await answer.json();
      form.hidden = answer.ok;
      say(problem ? `${problem.detail} ${problem.remedy}` : done);
    } catch {
      say(AWAY);
    }
    form.querySelector("button").disabled = false;
  });
};

const invite = async () => {
  element("title").textContent = document.title = "Invitation";
  try {
    const answer = await send("invitations/lookup", { token });
    const found = await answer.json();
    if (!answer.ok) {
      say(`${found.detail} ${found.remedy}`);
      return;
    }
    element("offer").textContent =
      `${found.invitedBy} invites you to ${found.organization} as ${found.role}.`;
    offer("join", `Join ${found.organization}`, "invitations/accept",
      () => ({ token, name: element("name").value, password: element("new-password").value }),
      `You are in ${found.organization}. Sign in: autodeploy login --url ${location.origin}`);
  } catch {
    say(AWAY);
  }
};

if (location.pathname === "/invitations") {
  invite();
} else if (location.pathname === "/verify-email") {
  offer("verify", "Confirm your e-mail address", "auth/verify-email", () => ({ token }),
    "The address is confirmed.");
} else if (token) {
  offer("reset", "Set a new password", "auth/password-reset/confirm",
    () => ({ token, password: element("password").value }),
    "The password is set. Sign in with it; every session was ended.");
} else {
  offer("request", "Set a new password", "auth/password-reset",
    () => ({ email: element("email").value }),
    "If an account has this address, a mail with a link is on its way to it.");
}
