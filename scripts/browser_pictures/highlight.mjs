// Code -> HTML coloured by highlight.js, Prism or Shiki, and the style sheet of a theme. CodeMirror works in the page.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

export const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')

async function highlightJs(code, names) {
  const { default: hljs } = await import('highlight.js')
  const language = names.find((name) => hljs.getLanguage(name))
  const inner = language ? hljs.highlight(code, { language, ignoreIllegals: true }).value : escaped(code)
  return { html: `<pre><code class="hljs">${inner}</code></pre>`, language }
}

async function prism(code, names) {
  const Prism = require('prismjs')
  const load = require('prismjs/components/')
  load.silent = true
  const known = names.map((name) => name.replace('#', 'sharp'))
  load(known.filter((name) => !Prism.languages[name]))
  const language = known.find((name) => Prism.languages[name])
  const inner = language ? Prism.highlight(code, Prism.languages[language], language) : escaped(code)
  const kind = `language-${language ?? 'none'}`
  return { html: `<pre class="${kind}"><code class="${kind}">${inner}</code></pre>`, language }
}

async function shiki(code, names, theme) {
  const { bundledLanguages, codeToHtml } = await import('shiki')
  const lang = names.find((name) => name in bundledLanguages)
  return { html: await codeToHtml(code, { lang: lang ?? 'text', theme }), language: lang }
}

const CODERS = { 'highlight.js': highlightJs, prism, shiki }

// -> { html: <pre>..., language: the name it was coloured as }
export async function highlight(highlighter, code, names, theme) {
  if (!(highlighter in CODERS)) return { html: '', language: undefined }
  // Highlighters differ in what they do with the last line's end: they never see one.
  return CODERS[highlighter](code, names, theme)
}

// -> the style sheet of a theme, with nothing in it that would be loaded from elsewhere
export async function styleSheet(highlighter, theme) {
  const files = {
    'highlight.js': [`highlight.js/styles/${theme}.css`],
    prism: [`prismjs/themes/${theme}.css`, `prism-themes/themes/${theme}.css`],
  }[highlighter]
  for (const file of files ?? []) {
    try {
      const css = await readFile(require.resolve(file), 'utf8')
      return css.replace(/@import[^;]*;/g, '').replace(/url\([^)]*\)/g, 'none')
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND' && error.code !== 'ENOENT') throw error
    }
  }
  if (files) throw new Error(`${highlighter} has no theme ${theme}`)
  return ''
}
