/** What MSAL JS wants of a browser, for Node. */
export function pretend(webcrypto) {
  globalThis.crypto ??= webcrypto; // not there before Node 19
  const storage = () => {
    const kept = new Map();
    return {
      clear: () => kept.clear(),
      getItem: (name) => kept.get(name) ?? null,
      key: (index) => [...kept.keys()][index] ?? null,
      get length() { return kept.size; },
      removeItem: (name) => { kept.delete(name); },
      setItem: (name, value) => { kept.set(name, String(value)); },
    };
  };
  const location = new URL("http://localhost/");
  const events = { addEventListener() {}, removeEventListener() {}, dispatchEvent() { return true; } };
  const window = { ...events, atob, btoa, crypto: globalThis.crypto, location, localStorage: storage(), sessionStorage: storage(), navigator: { userAgent: "node" }, performance, setTimeout, clearTimeout };
  window.parent = window;
  window.self = window;
  window.top = window;
  Object.assign(globalThis, { window, location, localStorage: window.localStorage, sessionStorage: window.sessionStorage, self: window });
  globalThis.document = { ...events, cookie: "", visibilityState: "visible" };
}
