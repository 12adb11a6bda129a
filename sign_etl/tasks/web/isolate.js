// WASM may only use threads on a page that is isolated from others. Plain file servers do not send
// the headers for that, so a service worker of this folder adds them; the first visit reloads once.
"use strict";
if (typeof window === "undefined") {
  self.addEventListener("install", () => self.skipWaiting());
  self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
  self.addEventListener("fetch", (event) => {
    event.respondWith(
      fetch(event.request).then((answer) => {
        if (answer.status === 0) return answer;
        const headers = new Headers(answer.headers);
        headers.set("Cross-Origin-Opener-Policy", "same-origin");
        headers.set("Cross-Origin-Embedder-Policy", "require-corp");
        const { status, statusText } = answer;
        return new Response(answer.body, { status, statusText, headers });
      }),
    );
  });
} else if (!window.crossOriginIsolated && "serviceWorker" in navigator) {
  const tried = "sign-etl-isolated";
  navigator.serviceWorker.register("isolate.js").then(async () => {
    await navigator.serviceWorker.ready;
    if (!sessionStorage.getItem(tried)) {
      sessionStorage.setItem(tried, "yes");
      location.reload();
    }
  }, () => {});
}
