package api

import (
	"fmt"
	"strings"

	"github.com/leyden-ln/leyden/api/command"
)

// Pages are the commands' pages and their index by file name.
func Pages() map[string]string {
	pages := map[string]string{}
	groups := map[string][]string{}
	var order []string
	for i := range table {
		c := &table[i]
		pages[c.Name+".md"] = c.Page()
		if _, known := groups[c.Group]; !known {
			order = append(order, c.Group)
		}
		groups[c.Group] = append(groups[c.Group], fmt.Sprintf("- [%s](%s.md): %s", c.Name, c.Name, c.Short))
	}
	var b strings.Builder
	b.WriteString("# Commands\n\nMade from the table of commands by `make docs`. Each works on the command line, and over the JSON-RPC socket.\n")
	for _, g := range order {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", g, strings.Join(groups[g], "\n"))
	}
	pages["README.md"] = b.String()
	return pages
}

// ManPages are the commands' manual pages, and that of the program, by file name.
func ManPages() map[string]string {
	pages := map[string]string{"leyden.1": command.ManIndex(table)}
	for i := range table {
		pages["leyden-"+table[i].Name+".1"] = table[i].Man()
	}
	return pages
}
