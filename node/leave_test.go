package node_test

// Why tests are left out under the race detector.
const (
	asACheat               = "its goroutines are those of TestACheatLosesAll"
	asDeathsOfAForcedClose = "its goroutines are those of TestAForcedCloseSurvivesDeathsAtItsWrites"
	asSeedAndPeers         = "its goroutines are those of TestWithSeedAndPeersAloneTheCoinsOfEveryChannelComeHome"
	manyBlocks             = "hundreds of blocks, one like the other"
)
