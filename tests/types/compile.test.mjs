// Programs of TypeScript users, compiled against the installed tarball as strictly as users may.
import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { ROOT } from '../../scripts/setup.mjs'
import { scratch } from '../support/package.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const project = scratch()
for (const name of ['uses.ts', 'misuse.ts', 'page.ts', 'worker.ts'])
  cpSync(join(here, name), join(project, name))

const { Bundler, NodeNext } = ts.ModuleResolutionKind
const RESOLUTIONS = [
  { name: 'bundler', module: ts.ModuleKind.ESNext, moduleResolution: Bundler },
  { name: 'nodenext', module: ts.ModuleKind.NodeNext, moduleResolution: NodeNext },
]
const PLATFORMS = [
  { name: 'the DOM', lib: ['dom', 'dom.iterable'], types: [], pages: ['page.ts'] },
  { name: 'web workers', lib: ['webworker', 'webworker.iterable'], types: [], pages: [] },
  { name: 'Node and no DOM', lib: [], types: ['node'], pages: [] },
  {
    name: 'Cloudflare Workers and no DOM',
    lib: [],
    types: ['workers-types'],
    pages: ['worker.ts'],
  },
]

function compile(files, { name: _, ...resolution }, { lib, types }) {
  const program = ts.createProgram({
    rootNames: files.map((name) => join(project, name)),
    options: {
      ...resolution,
      target: ts.ScriptTarget.ES2022,
      lib: ['es2022', 'esnext.disposable', ...lib].map((name) => `lib.${name}.d.ts`),
      types,
      typeRoots: ['@types', '@cloudflare'].map((scope) => join(ROOT, 'node_modules', scope)),
      strict: true,
      noUncheckedIndexedAccess: true,
      noImplicitOverride: true,
      noPropertyAccessFromIndexSignature: true,
      verbatimModuleSyntax: true,
      isolatedModules: true,
      skipLibCheck: false,
      noEmit: true,
    },
  })
  const host = {
    getCanonicalFileName: (path) => path,
    getCurrentDirectory: () => project,
    getNewLine: () => '\n',
  }
  return ts.formatDiagnostics(ts.getPreEmitDiagnostics(program), host)
}

for (const resolution of RESOLUTIONS)
  for (const platform of PLATFORMS)
    test(`use compiles and misuse is refused under ${resolution.name} with ${platform.name}`, () => {
      const troubles = compile(['uses.ts', 'misuse.ts', ...platform.pages], resolution, platform)
      // Not by equality: the difference of long texts takes the test runner minutes.
      assert.ok(troubles === '', troubles)
    })
