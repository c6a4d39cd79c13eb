package web

// onePage is why some tests are left out under the race detector.
const onePage = "one reader, one page after the other"
