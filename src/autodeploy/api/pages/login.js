"use strict";

// The session lives in this page alone, and ends when the command line has its code. What is kept
// while the browser is at a provider is that, and which command line waits, which is no secret.
const WAITING = "autodeploy.command-line";
const API = "/api/v1/auth";
const parts = Object.fromEntries(
  ["password", "methods", "second-factor", "command-line", "message"].map((id) => [
    id,
    document.getElementById(id),
  ]),
);
let commandLine = null;
let session = null;
let challenge = null;

function show(id) {
  for (const [name, part] of Object.entries(parts)) part.hidden = name !== id && name !== "message";
  if (id === "password") parts.methods.hidden = false;
}

function say(text, refused = false) {
  parts.message.textContent = text;
  parts.message.className = refused ? "refused" : "";
}

async function call(method, path, body) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  if (session) headers.Authorization = `Bearer ${session.accessToken}`;
  const answer = await fetch(API + path, { method, headers, body: body && JSON.stringify(body) });
  if (answer.status === 204) return null;
  const value = await answer.json();
  if (!answer.ok) throw new Error(`${value.detail} ${value.remedy ?? ""}`);
  return value;
}

// Runs what the user asked for; what goes wrong is said on the page.
function attempt(action) {
  return async (event) => {
    event?.preventDefault();
    say("");
    try {
      await action();
    } catch (error) {
      say(error.message, true);
    }
  };
}

function proceed(answer) {
  if (answer.secondFactor) {
    challenge = answer.secondFactor.challenge;
    show("second-factor");
    return;
  }
  session = answer;
  if (!commandLine) {
    show("message");
    say(`You are signed in as ${answer.user.email}. Run autodeploy login to let a command line in.`);
    return;
  }
  document.getElementById("host").textContent = commandLine.host;
  document.getElementById("who").textContent = answer.user.email;
  document.getElementById("scope").textContent = commandLine.scope;
  show("command-line");
}

function goBack(query) {
  const back = new URLSearchParams({ ...query, state: commandLine.state });
  location.replace(`http://127.0.0.1:${commandLine.port}/?${back}`);
}

async function offer() {
  show("password");
  const { methods } = await call("GET", "/methods");
  for (const method of methods.filter((each) => each.signsIn && each.urlPath)) {
    const button = document.createElement("button");
    button.id = `with-${method.name}`;
    button.textContent = `Sign in with ${method.title}`;
    button.addEventListener(
      "click",
      attempt(async () => {
        const { url } = await call("GET", `/${method.name}/url`);
        sessionStorage.setItem(WAITING, JSON.stringify(commandLine));
        location.assign(url);
      }),
    );
    parts.methods.append(button);
  }
}

async function comeBack(provider, query) {
  const waiting = sessionStorage.getItem(WAITING);
  if (waiting === null) {
    // A client that connects an account of its user: the code would be spent here for nothing.
    show("message");
    say("This was begun elsewhere: finish it there, with the address of this page.");
    return;
  }
  // The code is not to stay in the address, nor in the browser's history.
  history.replaceState(null, "", location.pathname);
  commandLine = JSON.parse(waiting);
  sessionStorage.removeItem(WAITING);
  const known = ["code", "state", "error", ...(provider === "oidc" ? ["iss"] : [])];
  const body = Object.fromEntries(
    known.filter((name) => query.has(name)).map((name) => [name, query.get(name)]),
  );
  try {
    proceed(await call("POST", `/${provider}/callback`, body));
  } catch (error) {
    await offer();
    throw error;
  }
}

async function start() {
  const query = new URLSearchParams(location.search);
  const returned = location.pathname.match(/^\/auth\/([a-z]+)\/callback$/);
  if (returned) {
    await comeBack(returned[1], query);
    return;
  }
  const port = Number(query.get("port"));
  if (query.has("challenge") && Number.isInteger(port) && port > 0 && port < 65536) {
    const [challenge, state, host] = ["challenge", "state", "host"].map((name) => query.get(name));
    commandLine = { port, challenge, state, host, scope: query.get("scope") ?? "write" };
  }
  await offer();
}

parts.password.addEventListener(
  "submit",
  attempt(async () => {
    const [email, password] = ["email", "secret"].map((id) => document.getElementById(id).value);
    proceed(await call("POST", "/login", { email, password }));
  }),
);
parts["second-factor"].addEventListener(
  "submit",
  attempt(async () => {
    const code = document.getElementById("code").value;
    proceed(await call("POST", "/login/second-factor", { challenge, code }));
  }),
);
parts["command-line"].addEventListener(
  "submit",
  attempt(async () => {
    const { challenge, scope } = commandLine;
    const { code } = await call("POST", "/command-line/code", { challenge, scope });
    await call("POST", "/logout");
    goBack({ code });
  }),
);
document.getElementById("refuse").addEventListener(
  "click",
  attempt(async () => {
    await call("POST", "/logout");
    goBack({ error: "access_denied" });
  }),
);
attempt(start)();
