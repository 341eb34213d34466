// A job -> the HTML of its page: code alone, an editor's window, an article or a slide with code in it.
import { escaped } from './highlight.mjs'

const FACES = [['400', 'normal'], ['700', 'normal'], ['400', 'italic'], ['700', 'italic']]

function fontFaces(fonts) {
  return fonts
    .flatMap(({ family, files }) =>
      files.map((file, i) =>
        `@font-face { font-family: "${family}"; src: url("/fonts/${file}"); ` +
        `font-weight: ${FACES[i][0]}; font-style: ${FACES[i][1]}; }`))
    .join('\n')
}

// What holds whatever the theme says: font, size, lines, no wrapping.
function codeStyle(job) {
  const family = [...job.fonts.map((font) => `"${font.family}"`), 'monospace'].join(', ')
  const ligatures = job.ligatures
    ? 'font-variant-ligatures: normal !important; font-feature-settings: "calt" 1, "liga" 1 !important;'
    : 'font-variant-ligatures: none !important; font-feature-settings: "calt" 0, "liga" 0 !important;'
  return `
    ${fontFaces(job.fonts)}
    * { box-sizing: border-box; scrollbar-width: none; }
    html, body { margin: 0; }
    .block { display: flex; width: max-content; min-width: 100%; align-items: flex-start; overflow: hidden; }
    .block pre, .block code, .block .cm-scroller, .block .cm-content, .block .cm-gutters {
      font-family: ${family} !important; font-size: ${job.size}px !important;
      line-height: ${job.line_height}px !important; letter-spacing: normal !important; word-spacing: 0 !important;
      white-space: pre !important; tab-size: ${job.tab} !important; -moz-tab-size: ${job.tab} !important;
      hyphens: none !important; font-kerning: none; ${ligatures}
    }
    .block pre, .block code {
      margin: 0 !important; padding: 0 !important; border: 0 !important; border-radius: 0 !important;
      overflow: visible !important; box-shadow: none !important; max-height: none !important; display: block;
    }
    .block .holder { flex: 1; position: relative; }
    .block .gutter { text-align: right; padding-right: ${job.gutter_gap}px !important; opacity: ${job.gutter_opacity};
      color: inherit; background: none; user-select: none; }
    .block .gutter.ruled { border-right: 1px solid color-mix(in srgb, currentColor 40%, transparent) !important;
      margin-right: ${job.gutter_gap}px !important; }
    .block .cm-editor { outline: none !important; }
    .block .cm-line { padding: 0 2px 0 4px; }
    .block .cm-lineNumbers .cm-gutterElement { padding: 0 ${job.gutter_gap}px 0 4px; }
    .guide { position: absolute; width: 1px; background: color-mix(in srgb, currentColor 22%, transparent); }
    .caret { position: absolute; width: 2px; background: currentColor; }
    .active { position: absolute; left: -4px; right: 0; z-index: 0; opacity: 0.09; background: currentColor; }
  `
}

function block(job, i) {
  const lines = job.codes[i].split('\n').length
  const numbers = Array.from({ length: lines }, (_, line) => job.first_line + line).join('\n')
  const wanted = job.line_numbers && job.highlighter !== 'codemirror'
  const gutter = wanted ? `<pre class="gutter ${job.ruled ? 'ruled' : ''}">${numbers}</pre>` : ''
  return `<div class="block" data-block="${i}">${gutter}<div class="holder">${job.html[i]}</div></div>`
}

function page(job) {
  const { margin, padding, radius, backdrop } = job.frame
  return {
    css: `
      body { padding: ${margin}px; background: ${backdrop}; width: max-content; min-width: 100%; }
      .code { padding: ${padding}px; border-radius: ${radius}px; overflow: hidden; width: max-content; min-width: 100%; }`,
    body: `<div class="code themed">${block(job, 0)}</div>`,
  }
}

function editor(job) {
  const c = job.chrome
  const list = (items, tag) => items.map((item) => `<div class="${tag}">${escaped(item)}</div>`).join('')
  const tabs = c.tabs.map((tab, i) => `<div class="tab ${i === c.active ? 'on' : ''}">${escaped(tab)}</div>`).join('')
  const minimap = c.minimap ? '<div class="minimap"></div>' : ''
  const terminal = c.terminal.length
    ? `<div class="panel"><div class="heads"><b>TERMINAL</b><span>OUTPUT</span><span>PROBLEMS</span></div>
       <pre class="terminal">${escaped(c.terminal.join('\n'))}</pre></div>`
    : ''
  return {
    css: `
      body { display: grid; grid-template: auto 1fr auto auto / auto 1fr; width: max-content; min-width: 100%;
        min-height: ${job.height}px; font: ${c.size}px "${job.prose_font}", sans-serif; }
      .bar { grid-column: 1 / 3; display: flex; gap: 16px; align-items: center; justify-content: center; height: 30px; }
      .dot { width: 11px; height: 11px; border-radius: 50%; background: #e0605a; }
      .side { grid-row: 2 / 4; width: ${c.side}px; padding: 8px 12px; line-height: 1.8; overflow: hidden; white-space: nowrap; }
      .side .item { padding-left: 14px; opacity: 0.85; }
      .tabs { display: flex; height: 34px; } .tab { padding: 9px 14px; opacity: 0.6; }
      .main { min-width: 0; } .crumbs { padding: 4px 16px; opacity: 0.6; }
      .row { display: flex; } .pane { flex: 1; padding: 6px 12px 6px 16px; }
      .minimap { width: 90px; overflow: hidden; position: relative; }
      .minimap > * { transform: scale(0.14); transform-origin: 0 0; position: absolute; width: max-content; }
      .panel { grid-column: 2; padding: 6px 16px 10px; border-top: 1px solid #8886; }
      .heads { display: flex; gap: 18px; font-size: 11px; opacity: 0.75; padding-bottom: 6px; }
      .terminal { margin: 0; font: ${c.size}px/1.4 "${job.fonts[0].family}", monospace; white-space: pre; }
      .status { grid-column: 1 / 3; display: flex; gap: 18px; padding: 4px 12px; background: ${c.accent}; color: #fff; }
      .shade { background: var(--shade); color: var(--ink); } .shade2 { background: var(--shade2); color: var(--ink); }
      .themed .tab.on { opacity: 1; border-top: 2px solid ${c.accent}; } .tabs .tab.on { background: var(--ground); }`,
    body: `
      <div class="bar shade2"><div class="dot"></div><span>${escaped(c.title)}</span></div>
      <div class="side shade"><div>EXPLORER</div>${list(c.files, 'item')}</div>
      <div class="main themed"><div class="tabs shade">${tabs}</div><div class="crumbs">${escaped(c.crumbs)}</div>
        <div class="row"><div class="pane">${block(job, 0)}</div>${minimap}</div></div>
      <div class="panel-place themed" style="grid-column: 2">${terminal}</div>
      <div class="status">${c.status.map((item) => `<span>${escaped(item)}</span>`).join('')}</div>`,
  }
}

function flow(job, parts) {
  let next = 0
  return parts
    .map(([tag, text]) =>
      tag === 'code' ? `<div class="code themed">${block(job, next++)}</div>` : `<${tag}>${text}</${tag}>`)
    .join('\n')
}

function blog(job) {
  const p = job.prose
  return {
    css: `
      ${fontFaces(job.prose_fonts)}
      body { background: ${p.paper}; color: ${p.ink}; font: ${p.size}px/1.6 "${job.prose_font}", sans-serif; }
      article { width: max-content; margin: 0 auto; padding: 24px ${p.margin}px; }
      article > * { width: ${p.width}px; min-width: 100%; contain: inline-size; }
      article > .code { padding: 14px 16px; border-radius: ${p.radius}px; margin: 14px 0; contain: none; width: max-content;
        min-width: 100%; }
      p code, li code { font-family: "${job.fonts[0].family}"; font-size: 0.9em; background: #8883; padding: 1px 4px; }`,
    body: `<article>${flow(job, p.parts)}</article>`,
  }
}

function slide(job) {
  const p = job.prose
  return {
    css: `
      ${fontFaces(job.prose_fonts)}
      body { background: ${p.paper}; color: ${p.ink}; font: ${p.size + 4}px/1.5 "${job.prose_font}", sans-serif;
        width: max-content; min-width: 960px; min-height: 540px; padding: 36px 56px; border-bottom: 6px solid ${p.accent}; }
      h1 { font-size: 32px; margin: 0 0 14px; color: ${p.accent}; }
      .code { padding: 14px 18px; border-radius: ${p.radius}px; margin: 16px 0; }`,
    body: flow(job, p.parts),
  }
}

const LAYOUTS = { page, editor, blog, slide }

export function pageOf(job, themeCss) {
  const { css, body } = LAYOUTS[job.layout](job)
  const modules = job.highlighter === 'codemirror' ? `<script type="importmap">${JSON.stringify(job.importmap)}</script>` : ''
  return `<!doctype html><html><head><meta charset="utf-8"><style>${themeCss}</style><style>${codeStyle(job)}${css}</style>
    ${modules}</head><body>${body}<script src="/driver/in_page.js"></script></body></html>`
}
