package actions

// FromType is FromStruct for types that tests make at run time.
var FromType = fromType
