import type { Endpoint } from './route.ts'

/** A plain page for people who open the server's address in a browser. */
export function docsPage(endpoints: Endpoint[]): string {
  const rows = endpoints
    .map(({ spec }) => ({
      method: spec.method.toUpperCase(),
      path: `/v1${spec.path}`,
      summary: spec.summary,
    }))
    .toSorted((a, b) => a.path.localeCompare(b.path) || a.method.localeCompare(b.method))
    .map(
      (row) =>
        `<tr><td>${row.method}</td><td><code>${row.path}</code></td><td>${escaped(row.summary)}</td></tr>`,
    )
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Perdure API</title>
<style>body{font:15px system-ui;margin:2rem auto;max-width:70rem}td{padding:.2rem .8rem;vertical-align:top}</style></head>
<body><h1>Perdure API</h1><p>The same as data: <a href="/openapi.json">openapi.json</a></p>
<table>${rows.join('\n')}</table></body></html>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
