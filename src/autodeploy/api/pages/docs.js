"use strict";

// The token is kept in this page alone: neither in its address nor in the browser's storage.
const form = document.getElementById("credential");
const message = document.getElementById("message");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const authorization = `Bearer ${document.getElementById("token").value.trim()}`;
  const answer = await fetch("openapi.json", { headers: { Authorization: authorization } });
  const document_ = await answer.json();
  if (!answer.ok) {
    message.textContent = `${document_.detail} ${document_.remedy ?? ""}`;
    message.className = "refused";
    return;
  }
  form.hidden = true;
  SwaggerUIBundle({
    spec: document_,
    domNode: document.getElementById("api"),
    deepLinking: true,
    validatorUrl: null,
    requestInterceptor: (request) => {
      request.headers.Authorization = authorization;
      return request;
    },
  });
});
