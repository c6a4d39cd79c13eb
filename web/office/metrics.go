package office

// metricRow is a number of the node.
type metricRow struct {
	Name   string `json:"name"`
	Help   string `json:"help"`
	Number uint64 `json:"number"`
}

// Metrics shows the node's numbers, as monitors read them.
func Metrics(v Visit) error {
	var page struct{ Metrics []metricRow }
	if err := v.Run(&page, "listmetrics"); err != nil {
		return err
	}
	return v.Show(200, "metrics", &page)
}
