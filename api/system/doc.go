// Package system is the commands of the node itself: what it is, its messages, its end.
package system
