// swift-tools-version:6.0

import PackageDescription

let package = Package(
    name: "flow",
    platforms: [.macOS(.v12)],
    dependencies: [.package(path: "../client")],
    targets: [
        .executableTarget(name: "Flow", dependencies: [.product(name: "Kinora", package: "client")])
    ],
    swiftLanguageModes: [.v6]
)
