import { defineConfig } from "vite";

// The page is served by muscgen itself from its wheel, wherever that is mounted: all addresses are relative.
export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../src/muscgen/web",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the content security policy knows no data: scripts
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "^/(generate|jobs|artifacts|v1|verify|readyz|healthz)": "http://127.0.0.1:8000" } },
});
