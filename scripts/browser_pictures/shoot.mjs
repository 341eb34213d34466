// node shoot.mjs PLAN.json: pictures of all jobs of a plan, in one Chromium; prints one line of JSON a picture.
// It lies beside node_modules while it runs, for that is where Node looks for packages.
import { readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { highlight, styleSheet } from './highlight.mjs'
import { pageOf } from './layouts.mjs'

const HERE = path.dirname(fileURLToPath(import.meta.url))
const MODULES = path.join(HERE, '..', 'node_modules')
const SITE = 'http://pages.invalid' // never looked up: every request is answered from the disk
const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.json': 'application/json', '.html': 'text/html' }

// Bare names of ES modules -> where they are served
async function importMap() {
  const imports = { '@codemirror/legacy-modes/mode/': '/node_modules/@codemirror/legacy-modes/mode/' }
  const names = ['style-mod', 'w3c-keyname', 'crelt', 'thememirror']
  for (const scope of ['@codemirror', '@lezer', '@marijn']) {
    const found = await readdir(path.join(MODULES, scope)).catch(() => [])
    names.push(...found.map((name) => `${scope}/${name}`))
  }
  for (const name of names) {
    const meta = await readFile(path.join(MODULES, name, 'package.json'), 'utf8').then(JSON.parse).catch(() => null)
    const listed = meta?.exports?.['.'] ?? meta?.exports
    const entry = typeof listed === 'string' ? listed : (listed?.import?.default ?? listed?.import ?? meta?.module ?? meta?.main)
    if (entry) imports[name] = '/' + path.posix.join('node_modules', name, entry)
  }
  return { imports }
}

function serve(plan, state) {
  return async (route) => {
    const { pathname } = new URL(route.request().url())
    if (pathname === '/page') return route.fulfill({ contentType: 'text/html', body: state.html })
    const roots = { fonts: plan.fonts, driver: HERE, node_modules: MODULES }
    const [, root, ...rest] = pathname.split('/')
    if (!(root in roots)) return route.fulfill({ status: 404 })
    let file = path.join(roots[root], ...rest.map(decodeURIComponent))
    if (!path.extname(file)) file += '.js'
    try {
      const contentType = TYPES[path.extname(file)] ?? 'application/octet-stream'
      return await route.fulfill({ contentType, body: await readFile(file) })
    } catch {
      return route.fulfill({ status: 404 })
    }
  }
}

async function shoot(page, job, state, imports) {
  const coloured = []
  for (const code of job.codes) coloured.push(await highlight(job.highlighter, code, job.languages, job.theme))
  job.html = coloured.map((each) => each.html)
  job.importmap = imports
  state.html = pageOf(job, await styleSheet(job.highlighter, job.theme))
  await page.setViewportSize({ width: job.width, height: 3000 })
  await page.goto(`${SITE}/page`)
  const shown = await page.evaluate((asked) => window.prepare(asked), { ...job, html: [], importmap: {} })
  const size = { width: Math.ceil(shown.width), height: Math.ceil(Math.max(shown.height, job.height)) }
  await page.setViewportSize(size)
  await page.screenshot({ path: job.file })
  return { ...shown, ...size, language: shown.language ?? coloured[0].language ?? null }
}

const plan = JSON.parse(await readFile(process.argv[2], 'utf8'))
const browser = await chromium.launch({ executablePath: plan.chromium, args: plan.arguments })
try {
  const imports = await importMap()
  const pages = new Map()
  for (const job of plan.jobs) {
    if (!pages.has(job.scale)) {
      const context = await browser.newContext({ deviceScaleFactor: job.scale })
      const state = {}
      await context.route('**/*', serve(plan, state))
      const page = await context.newPage()
      page.on('pageerror', (error) => console.error(String(error)))
      pages.set(job.scale, { page, state })
    }
    const { page, state } = pages.get(job.scale)
    let answer
    try {
      answer = await shoot(page, job, state, imports)
    } catch (error) {
      answer = { error: String(error).split('\n')[0] }
    }
    console.log(JSON.stringify({ number: job.number, ...answer }))
  }
} finally {
  await browser.close()
}
