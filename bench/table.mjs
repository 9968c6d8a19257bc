// Prints what was measured.

/** Rows of cells below a head; all but the first column are flush right. */
export function table(title, head, rows, ...notes) {
  const lines = [head, ...rows].map((row) => row.map((cell) => String(cell ?? '-')))
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  const pad = (cell, column) =>
    column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])
  const [first, ...rest] = lines.map((line) => line.map(pad).join('   '))
  console.log(`\n${title}\n`)
  for (const line of [first, '─'.repeat(first.length), ...rest]) console.log(`  ${line.trimEnd()}`)
  for (const note of notes) console.log(`  ${note}`)
}

export const whole = (number) => Math.round(number).toLocaleString('en')
export const fine = (number) => number.toFixed(2)
export const ratio = (number, one) => `${(number / one).toFixed(2)} ×`

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle) - 1]) / 2
}
