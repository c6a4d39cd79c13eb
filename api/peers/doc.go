// Package peers is the commands of connections, and of the network as gossip tells of it.
package peers
