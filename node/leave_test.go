package node_test

// manyBlocks is why tests are left out under the race detector.
const manyBlocks = "hundreds of blocks, one like the other"
