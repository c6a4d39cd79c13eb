// Package web is the node's pages for a browser: a wallet, and a look inside it.
//
//	pages, err := web.Open(web.Config{Node: n, Dir: dir, Log: log})
//	l, err := web.Listen(ctx, "127.0.0.1:9750")
//	err = pages.Serve(ctx, l)
//	fmt.Println(pages.Link())
//
// The pages are built on the table of commands alone: all that one shows or does
// goes through api.Call, and it shows the command line that does the same. So a page
// can do nothing that a command cannot.
//
// They are HTML from the server, and work without a script: with one, they change by
// themselves (htmx and server-sent events). Everything is in the binary, and the
// Content-Security-Policy lets nothing else in, no inline script or style either.
//
// What they say is in package words, in each language that there is: a reader gets the one
// that was chosen on a page, or that the browser likes best. What commands answer is
// English: beside a refusal stands what its code means, in the reader's language.
//
// Whoever is logged in owns the node's money, unless by a rune: then each command of a page
// is judged by the gate, as if it had come over REST, and what the rune does not permit is
// hidden, and refused to who asks for it nevertheless (needs). So the default address is
// loopback's, and everything that is asked for passes the door ([door.Guard],
// [door.Session]).
//
// Texts of others (descriptions, labels, aliases) are escaped by html/template, kept
// apart from the direction of the text around them, and their control characters are
// shown as such, so that none can make a page look like what it is not.
package web
