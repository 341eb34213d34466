// Runs inside the page: mounts CodeMirror, gives the surroundings the theme's colours, and measures what is shown.

async function mountCodeMirror(job) {
  const { EditorState } = await import('@codemirror/state')
  const { EditorView, lineNumbers } = await import('@codemirror/view')
  const { LanguageDescription, defaultHighlightStyle, syntaxHighlighting } = await import('@codemirror/language')
  const { languages } = await import('@codemirror/language-data')
  const find = (name) => LanguageDescription.matchLanguageName(languages, name, false)
  const described = job.languages.map(find).find((found) => found)
  const look = [syntaxHighlighting(defaultHighlightStyle, { fallback: true })]
  if (job.theme === 'one-dark') look.push((await import('@codemirror/theme-one-dark')).oneDark)
  else if (job.theme !== 'default') look.push((await import('thememirror'))[job.theme])
  if (described) look.push(await described.load())
  const numbers = job.line_numbers ? [lineNumbers({ formatNumber: (n) => String(n + job.first_line - 1) })] : []
  document.querySelectorAll('.holder').forEach((parent, i) => {
    const rest = [EditorState.tabSize.of(job.tab), EditorView.editable.of(false)]
    new EditorView({ parent, state: EditorState.create({ doc: job.codes[i], extensions: [numbers, look, rest] }) })
  })
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
  return described?.name
}

const isClear = (color) => color === 'transparent' || /, 0\)$/.test(color)

// The first ground that is painted, from the code outwards.
function groundOf(element) {
  for (let at = element; at; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor
    if (!isClear(color)) return color
    if (at.classList.contains('holder')) break
  }
  return 'rgb(255, 255, 255)'
}

const codeOf = (block) => block.querySelector('.cm-content, .holder code')

function paintSurroundings(job) {
  const code = codeOf(document)
  const ground = groundOf(code)
  const ink = getComputedStyle(code).color
  const root = document.documentElement.style
  root.setProperty('--ground', ground)
  root.setProperty('--ink', ink)
  root.setProperty('--shade', `color-mix(in srgb, ${ground} 94%, ${ink})`)
  root.setProperty('--shade2', `color-mix(in srgb, ${ground} 89%, ${ink})`)
  for (const themed of document.querySelectorAll('.themed')) {
    themed.style.background = ground
    themed.style.color = ink
  }
  if (job.layout === 'page' && job.frame.backdrop === 'theme') document.body.style.background = ground
  if (job.layout === 'editor') document.body.style.background = ground
  return { ground, ink }
}

function add(holder, kind, style) {
  const element = document.createElement('div')
  element.className = kind
  for (const [name, value] of Object.entries(style)) element.style[name] = `${value}px`
  holder.append(element)
}

// Guides of the indentation, the line of the caret, and the caret, as editors draw them.
function addMarks(job) {
  const marks = job.marks
  if (!marks) return
  const block = document.querySelector('.block')
  const holder = block.querySelector('.holder')
  const origin = holder.getBoundingClientRect()
  const code = (holder.querySelector('.cm-line') ?? codeOf(block)).getBoundingClientRect()
  const inset = holder.querySelector('.cm-line') ? 4 : 0
  const left = code.left - origin.left + inset
  const top = codeOf(block).getBoundingClientRect().top - origin.top + (inset ? 4 : 0)
  const lines = job.codes[0].split('\n')
  const columns = (text) => [...text].reduce((at, char) => (char === '\t' ? at - (at % job.tab) + job.tab : at + 1), 0)
  lines.forEach((line, row) => {
    const indent = line.trim() ? columns(line.match(/^\s*/)[0]) : 0
    for (let column = 0; marks.guides && column < indent; column += marks.guides) {
      add(holder, 'guide', { left: left + column * job.pitch, top: top + row * job.line_height, height: job.line_height })
    }
  })
  const row = marks.caret % lines.length
  if (marks.active) add(holder, 'active', { top: top + row * job.line_height, height: job.line_height })
  const end = left + columns(lines[row]) * job.pitch
  add(holder, 'caret', { left: end + 1, top: top + row * job.line_height, height: job.line_height })
}

function fillMinimap() {
  const strip = document.querySelector('.minimap')
  const code = codeOf(document)
  if (strip && code) {
    const copy = document.createElement('pre')
    copy.innerHTML = code.innerHTML
    copy.style.cssText = 'margin: 0'
    strip.append(copy)
  }
}

function linesOf(block) {
  const lines = [...block.querySelectorAll('.cm-line')]
  return lines.length ? lines.map((line) => line.textContent) : codeOf(block).textContent.split('\n')
}

function boxOf(block) {
  const rect = codeOf(block).getBoundingClientRect()
  return [rect.left, rect.top, rect.right, rect.bottom]
}

// -> what is shown, where, and how large the page has to be
window.prepare = async (job) => {
  await document.fonts.ready
  const language = job.highlighter === 'codemirror' ? await mountCodeMirror(job) : undefined
  await Promise.all([...document.fonts].map((font) => font.load()))
  const colors = paintSurroundings(job)
  if (job.layout === 'editor') fillMinimap()
  addMarks(job)
  const blocks = [...document.querySelectorAll('.block')]
  return {
    language, ...colors, lines: blocks.map(linesOf), boxes: blocks.map(boxOf),
    width: Math.max(document.body.scrollWidth, ...blocks.map((block) => block.getBoundingClientRect().right)),
    height: document.body.getBoundingClientRect().height,
    fonts: [...document.fonts].filter((font) => font.status !== 'loaded').map((font) => font.family),
  }
}
