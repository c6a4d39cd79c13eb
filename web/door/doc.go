// Package door is who may come in to a node's pages, and by which way:
//
//	d := door.New(dir, cookie)
//	d.Announce(url)                            // for `leyden web`: door.NewLink(dir, door.All)
//	h := door.Guard(pages, door.Bounds{Hosts: hosts, Refusal: text, Foreign: text, Most: bytes, Within: time})
//	cookie, err := d.Enter(door.From(r), d.Ticket(ticket))   // or d.Password(text), or a rune
//	d.Welcome(w, r, cookie)
//	s := d.Session(r)                          // nil: not logged in
//	s.Sent(r.PostFormValue("csrf"))            // whether a form is of this session
//
// One logs in by a ticket that works once, made of a secret in the node's data folder
// (mode 0600); by a password, of which the folder has the Argon2id hash; or by what the
// pages take beside these. The session's cookie is HttpOnly and SameSite=Strict; a request
// that changes anything must come from a page of ours (its Origin, and a token in the
// form); a Host that is a name is refused unless it is one of ours, because a name can be
// made to point here (DNS rebinding) and an address cannot; tries are counted, and whoever
// tries too many has to wait.
package door
