import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const service = process.env.KOEMORI_DEV_SERVICE ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "dist",
    // A strict content security policy allows no data: scripts and no inline ones.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
  server: {
    proxy: {
      "/api": service,
      "/ws": { target: service, ws: true },
    },
  },
  test: {
    environment: "jsdom",
    setupFiles: ["tests/setup.ts"],
    include: ["tests/**/*.test.{ts,tsx}"],
    css: false,
    restoreMocks: true,
    // The service's own tests run beside these on small machines.
    maxWorkers: 2,
  },
});
