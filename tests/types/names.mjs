// The names that js/*.d.ts makes public, for the snapshot in names.json.
import { join } from 'node:path'
import ts from 'typescript'
import { ROOT } from '../../scripts/setup.mjs'

export const DECLARATIONS = ['types.d.ts', 'slim.d.ts', 'stores.d.ts', 'wasm.d.ts'].map(
  (name) => `js/${name}`,
)

export function program() {
  return ts.createProgram({
    rootNames: DECLARATIONS.map((path) => join(ROOT, path)),
    options: {
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts'],
      types: [],
      strict: true,
      noEmit: true,
    },
  })
}

/** For each file its exports; for each export what it is and which members it has. */
export function names() {
  const compiled = program()
  const checker = compiled.getTypeChecker()
  const describe = (symbol) => {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
    const declaration = target.declarations[0]
    if (ts.isFunctionDeclaration(declaration) || ts.isVariableDeclaration(declaration))
      return print(checker, checker.getTypeOfSymbolAtLocation(target, declaration))
    const type = checker.getDeclaredTypeOfSymbol(target)
    if (type.isUnion()) return type.types.map((each) => print(checker, each)).sort()
    const members = type.getProperties().map((property) => member(compiled, property))
    return members.length ? members.sort() : print(checker, type)
  }
  return Object.fromEntries(
    DECLARATIONS.map((path) => {
      const file = compiled.getSourceFile(join(ROOT, path))
      const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(file))
      return [path, sorted(symbols.map((symbol) => [symbol.name, describe(symbol)]))]
    }),
  )
}

function member(compiled, property) {
  const name = property.escapedName.startsWith('__@') ? '[Symbol.dispose]' : property.name
  const inherited = compiled.isSourceFileDefaultLibrary(property.declarations[0].getSourceFile())
  const optional = property.flags & ts.SymbolFlags.Optional ? '?' : ''
  return `${inherited ? 'inherited ' : ''}${name}${optional}`
}

function print(checker, type) {
  return checker.typeToString(type, undefined, ts.TypeFormatFlags.NoTruncation)
}

function sorted(entries) {
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}
