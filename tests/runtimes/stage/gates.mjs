// Gates that tests in two runtimes wait at and open, by name.

export function createGates() {
  let gates = new Map()
  const gate = (name) => {
    if (!gates.has(name)) {
      let open
      const promise = new Promise((resolve) => (open = resolve))
      gates.set(name, { promise, open, arrivals: 0, wanted: Infinity })
    }
    return gates.get(name)
  }
  return {
    wait: (name) => gate(name).promise,
    open: (name) => gate(name).open(),
    /** One more has come. */
    arrive(name) {
      const one = gate(name)
      if (++one.arrivals >= one.wanted) one.open()
    },
    /** Settles when so many have come. */
    all(name, wanted) {
      const one = gate(name)
      one.wanted = wanted
      if (one.arrivals >= wanted) one.open()
      return one.promise
    },
    reset() {
      for (const one of gates.values()) one.open()
      gates = new Map()
    },
  }
}
