// Package qrcode draws texts as QR codes.
package qrcode

import (
	"fmt"
	"html/template"
	"strings"

	"rsc.io/qr"
)

// quietZone is how many modules around a QR code are light, so that it is found.
const quietZone = 4

// SVG is a text as a QR code: one path in an SVG, dark on light in every theme,
// because scanners expect it so.
func SVG(content, label string) (template.HTML, error) {
	c, err := qr.Encode(content, qr.L) // a screen does no damage, and larger modules are read from farther away
	if err != nil {
		return "", err
	}
	var path strings.Builder
	for y := range c.Size {
		for x := 0; x < c.Size; x++ {
			from := x
			for x < c.Size && c.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quietZone, y+quietZone, x-from, x-from)
			}
		}
	}
	size := c.Size + 2*quietZone
	return template.HTML(fmt.Sprintf( //nolint:gosec // numbers, and a label that is escaped
		`<svg class="qr" viewBox="0 0 %d %d" role="img" aria-label="%s" shape-rendering="crispEdges"><rect width="%d" height="%d" fill="#fff"/><path fill="#000" d="%s"/></svg>`,
		size, size, template.HTMLEscapeString(label), size, size, path.String())), nil
}
