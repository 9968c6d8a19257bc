// The wasm with a body taken out, so that a call of it traps.
import binaryen from 'binaryen'

// What the build uses; with all of them binaryen writes what browsers do not read.
const FEATURES = [
  'MutableGlobals',
  'SignExt',
  'NontrappingFPToInt',
  'BulkMemory',
  'BulkMemoryOpt',
  'ReferenceTypes',
  'Multivalue',
].reduce((all, name) => all | (binaryen.Features[name] ?? 0), 0)

/** The same module, in which one exported function is `unreachable`. */
export function withoutBody(wasm, name) {
  const module = binaryen.readBinary(wasm)
  try {
    module.setFeatures(FEATURES)
    const exported = binaryen.getExportInfo(module.getExport(name))
    const ref = module.getFunction(exported.value)
    const { params, results, vars } = binaryen.getFunctionInfo(ref)
    module.removeFunction(exported.value)
    module.addFunction(exported.value, params, results, vars, module.unreachable())
    return Buffer.from(module.emitBinary())
  } finally {
    module.dispose()
  }
}

/** The short name under which the glue calls an export in a method of a class. */
export function exportOf(script, className, method) {
  const start = script.indexOf(`class ${className} `) + 1 || script.indexOf(`${className} = class`)
  const body = script.slice(script.indexOf(`\n  ${method}(`, start))
  return /\bwasm\.(\w+)\(this\.__wbg_ptr/.exec(body)[1]
}
