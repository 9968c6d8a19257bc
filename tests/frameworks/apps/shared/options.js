// What a test put into the page: the session's options, and which parts the app shows. On a server
// nobody asks for the options.
export const { options, show = ['person', 'person'] } = globalThis
