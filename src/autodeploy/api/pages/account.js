"use strict";
const element = (id) => document.getElementById(id);
const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname); // no token in the history

const offer = (name, title, path, body, done) => {
  element("title").textContent = document.title = title;
  const form = element(name);
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    form.querySelector("button").disabled = true;
    element("status").textContent = "";
    try {
      const answer = await fetch(`/api/v1/auth/${path}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body()),
      });
      const problem = answer.ok ? null : await answer.json();
      form.hidden = answer.ok;
      element("status").textContent = problem ? `${problem.detail} ${problem.remedy}` : done;
    } catch {
      element("status").textContent = "The platform does not answer. Try again in a moment.";
    }
    form.querySelector("button").disabled = false;
  });
};

if (location.pathname === "/verify-email") {
  offer("verify", "Confirm your e-mail address", "verify-email", () => ({ token }),
    "The address is confirmed.");
} else if (token) {
  offer("reset", "Set a new password", "password-reset/confirm",
    () => ({ token, password: element("password").value }),
    "The password is set. Sign in with it; every session was ended.");
} else {
  offer("request", "Set a new password", "password-reset",
    () => ({ email: element("email").value }),
    "If an account has this address, a mail with a link is on its way to it.");
}
