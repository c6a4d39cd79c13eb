package gossip

// manyMessages is why tests are left out under the race detector.
const manyMessages = "thousands of messages, one like the other"
