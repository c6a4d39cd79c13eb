// Package door is who may come in to a node's pages, and by which way:
//
//	d := door.New(cookie)
//	d.Announce(dir, url)                       // for `leyden web`: door.NewLink(dir)
//	h := door.Guard(pages, door.Bounds{Hosts: hosts, Refusal: text, Most: bytes, Within: time})
//	cookie, err := d.Enter(ticket, door.From(r))
//	d.Welcome(w, r, cookie)
//	s := d.Session(r)                          // nil: not logged in
//	s.Sent(r.PostFormValue("csrf"))            // whether a form is of this session
//
// One logs in by a ticket that works once, made of a secret in the node's data folder
// (mode 0600); the session's cookie is HttpOnly and SameSite=Strict; a request that
// changes anything must come from a page of ours (its Origin, and a token in the form); a
// Host that is a name is refused unless it is one of ours, because a name can be made to
// point here (DNS rebinding) and an address cannot; wrong tickets are counted, and whoever
// tries too many has to wait.
package door
