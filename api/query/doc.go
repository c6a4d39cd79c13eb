// Package query is the command sql: SQLite's SELECT over the rows of the list commands,
// under Core Lightning's names of tables and columns.
//
// The tables are virtual ones in an empty database in memory, a new one for each query.
// They read what the list commands give, page by page, and nothing else: the node's own
// database, with its secrets, cannot be reached from a query, and nothing can be written.
// The columns are those of the commands' results, so that a field that is added to one
// is a column at once.
package query
