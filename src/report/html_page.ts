/** The frame of pages: style, script, and a policy under which nothing else runs and nothing is loaded. */
import { Html, html } from "./html.ts";
import printStyle from "./html_print.css" with { type: "text" };
import script from "./html_report.js" with { type: "text" };
import style from "./html_report.css" with { type: "text" };

/** A page that stands alone. */
export async function renderPage(title: string, body: Html): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(script));
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${
    new Uint8Array(hash).toBase64()
  }'`;
  const page = html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="${policy}">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>${title} – Holdfast</title>
        <style>${new Html(style + printStyle)}</style>
      </head>
      <body>
        <main>
    ${body}
        </main>
        <script>${new Html(script)}</script>
      </body>
    </html>
  `;
  return page.text.trimStart();
}
